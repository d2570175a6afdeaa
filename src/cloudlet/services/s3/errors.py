"""S3's errors. Statuses stand here, for S3's model names few errors and no statuses.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from ...errors import AwsError
from ...wire.xml import MalformedXML as MalformedXML


class Forbidden(AwsError):
    """Access Denied"""

    status = 403


class AccessDenied(Forbidden):
    """Access Denied"""


class Missing(AwsError):
    """Not Found"""

    status = 404


class Conflict(AwsError):
    """Conflict"""

    status = 409


class NoSuchBucket(Missing):
    """The specified bucket does not exist"""


class NoSuchAccessPoint(Missing):
    """The specified accesspoint does not exist"""


class BucketHasAccessPointsAttached(AwsError):
    """Bucket has access points attached and cannot be deleted."""


class NoSuchKey(Missing):
    """The specified key does not exist."""


class NoSuchVersion(Missing):
    """The specified version does not exist."""


class NoSuchUpload(Missing):
    """The specified upload does not exist. The upload ID may be invalid, or the upload may have been
    aborted or completed."""


class NoSuchBucketPolicy(Missing):
    """The bucket policy does not exist"""


class NoSuchCORSConfiguration(Missing):
    """The CORS configuration does not exist"""


class NoSuchLifecycleConfiguration(Missing):
    """The lifecycle configuration does not exist"""


class NoSuchWebsiteConfiguration(Missing):
    """The specified bucket does not have a website configuration"""


class NoSuchPublicAccessBlockConfiguration(Missing):
    """The public access block configuration was not found"""


class NoSuchTagSet(Missing):
    """The TagSet does not exist"""


class NoSuchObjectLockConfiguration(Missing):
    """The specified object does not have a ObjectLock configuration"""


class OwnershipControlsNotFoundError(Missing):
    """The bucket ownership controls were not found"""


class ServerSideEncryptionConfigurationNotFoundError(Missing):
    """The server side encryption configuration was not found"""


class ObjectLockConfigurationNotFoundError(Missing):
    """Object Lock configuration does not exist for this bucket"""


class ReplicationConfigurationNotFoundError(Missing):
    """The replication configuration was not found"""


class BucketAlreadyExists(Conflict):
    """The requested bucket name is not available. The bucket namespace is shared by all users of
    the system. Please select a different name and try again."""


class BucketAlreadyOwnedByYou(Conflict):
    """Your previous request to create the named bucket succeeded and you already own it."""


class BucketNotEmpty(Conflict):
    """The bucket you tried to delete is not empty"""


class InvalidBucketState(Conflict):
    """The request is not valid with the current state of the bucket."""


class RestoreAlreadyInProgress(Conflict):
    """Object restore is already in progress"""


class OperationAborted(Conflict):
    """A conflicting conditional operation is currently in progress against this resource. Try again."""


class InvalidBucketName(AwsError):
    """The specified bucket is not valid."""


class AuthorizationHeaderMalformed(AwsError):
    """The authorization header is malformed"""


class IllegalLocationConstraintException(AwsError):
    """The unspecified location constraint is incompatible for the region specific endpoint this
    request was sent to."""


class InvalidLocationConstraint(AwsError):
    """The specified location-constraint is not valid"""


class IllegalVersioningConfigurationException(AwsError):
    """The Versioning element must be specified"""


class InvalidArgument(AwsError):
    """Invalid Argument"""


class InvalidRequest(AwsError):
    """Invalid Request"""


class InvalidTag(AwsError):
    """The tag provided was not a valid tag. This error can occur if the tag did not pass input validation."""


class BadRequest(AwsError):
    """Object tags cannot be greater than 10"""


class InvalidDigest(AwsError):
    """The Content-MD5 you specified was invalid."""


class InvalidURI(AwsError):
    """Couldn't parse the specified URI."""


class BadDigest(AwsError):
    """The Content-MD5 you specified did not match what we received."""


class XAmzContentSHA256Mismatch(AwsError):
    """The provided 'x-amz-content-sha256' header does not match what was computed."""


class IncompleteBody(AwsError):
    """You did not provide the number of bytes specified by the Content-Length HTTP header"""


class MissingContentLength(AwsError):
    """You must provide the Content-Length HTTP header."""

    status = 411


class MissingRequestBodyError(AwsError):
    """Request Body is empty"""


class KeyTooLongError(AwsError):
    """Your key is too long"""


class MetadataTooLarge(AwsError):
    """Your metadata headers exceed the maximum allowed metadata size"""


class EntityTooLarge(AwsError):
    """Your proposed upload exceeds the maximum allowed size"""


class EntityTooSmall(AwsError):
    """Your proposed upload is smaller than the minimum allowed size"""


class InvalidPart(AwsError):
    """One or more of the specified parts could not be found.  The part may not have been uploaded, or
    the specified entity tag may not match the part's entity tag."""


class InvalidPartOrder(AwsError):
    """The list of parts was not in ascending order. Parts must be ordered by part number."""


class InvalidStorageClass(AwsError):
    """The storage class you specified is not valid"""


class InvalidEncryptionAlgorithmError(AwsError):
    """The encryption request you specified is not valid. The valid value is AES256."""


class InvalidTargetBucketForLogging(AwsError):
    """The target bucket for logging does not exist"""


class CrossLocationLoggingProhibited(Forbidden):
    """Cross-location logging not allowed. Buckets in one geographic location cannot log information to
    a bucket in another location."""


class UnresolvableGrantByEmailAddress(AwsError):
    """The e-mail address you provided does not match any account on record."""


class AccessControlListNotSupported(AwsError):
    """The bucket does not allow ACLs"""


class InvalidBucketAclWithObjectOwnership(AwsError):
    """Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"""


class MalformedACLError(AwsError):
    """The XML you provided was not well-formed or did not validate against our published schema"""


class MalformedPolicy(AwsError):
    """Policies must be valid JSON and the first byte must be '{'"""


class MalformedPOSTRequest(AwsError):
    """The body of your POST request is not well-formed multipart/form-data."""


class InvalidPolicyDocument(AwsError):
    """The content of the form does not meet the conditions specified in the policy document."""


class SignatureDoesNotMatch(Forbidden):
    """The request signature we calculated does not match the signature you provided. Check your key and
    signing method."""


class InvalidAccessKeyId(Forbidden):
    """The AWS Access Key Id you provided does not exist in our records."""


class InvalidObjectState(Forbidden):
    """The operation is not valid for the object's storage class"""


class InvalidRange(AwsError):
    """The requested range is not satisfiable"""

    status = 416


class InvalidPartNumber(AwsError):
    """The requested partnumber is not satisfiable"""

    status = 416


class PreconditionFailed(AwsError):
    """At least one of the pre-conditions you specified did not hold"""

    status = 412


class NotModified(AwsError):
    """Not Modified"""

    status = 304


class MethodNotAllowed(AwsError):
    """The specified method is not allowed against this resource."""

    status = 405



class MalformedTrailerError(AwsError):
    """The request contained trailing data that was not well-formed or did not conform to our
    published schema."""


class InvalidExpressionType(AwsError):
    """The ExpressionType is invalid. Only SQL expressions are supported."""


class UnsupportedSqlStructure(AwsError):
    """We encountered an unsupported SQL structure. Check the SQL Reference."""


class ParseUnexpectedToken(AwsError):
    """The SQL expression contains an unexpected token."""


class EvaluatorBindingDoesNotExist(AwsError):
    """A column name or a path provided does not exist in the SQL expression."""


class InvalidColumnIndex(AwsError):
    """The column index in the SQL expression is not valid."""


class CastFailed(AwsError):
    """Attempt to convert from one data type to another using CAST failed in the SQL expression."""


class InvalidCompressionFormat(AwsError):
    """The file is not in a supported compression format. Only GZIP and BZIP2 are supported."""


class TruncatedInput(AwsError):
    """Object decompression failed. Check that the object is properly compressed using the format
    specified in the request."""


class InvalidScanRange(AwsError):
    """The scan range that was provided is not valid."""


class UnsupportedScanRangeInput(AwsError):
    """Scan range queries are not supported on this type of object."""


class InvalidDataSource(AwsError):
    """Invalid data source type. Only CSV, JSON, and Parquet are supported."""


class MaxPostPreDataLengthExceeded(AwsError):
    """Your POST request fields preceding the upload file were too large."""


class AccessForbidden(Forbidden):
    """CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin,
    request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted
    by the resource's CORS spec."""
