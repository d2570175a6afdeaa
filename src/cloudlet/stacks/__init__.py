"""CloudFormation's engine: template, graph, plan, execution."""
