"""One folder is one AWS service, named as botocore names it. No service imports another."""
