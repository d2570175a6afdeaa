"""``ReplicationConfiguration`` of ``AWS::S3::Bucket``, and what the API calls its members."""

from .properties import Json, Property, Tag, given, plain


class Switch(Property):
    """Something that is Enabled or Disabled."""

    status: str


class Both(Property):
    """And of a Filter."""

    prefix: str | None = None
    tag_filters: list[Tag] | None = None


class ReplicationFilter(Property):
    """Filter of a rule."""

    prefix: str | None = None
    tag_filter: Tag | None = None
    and_: Both | None = None

    def document(self) -> Json:
        """In the API's words."""
        both = given(Prefix=self.and_.prefix, Tags=plain(self.and_.tag_filters)) if self.and_ else None
        return given(Prefix=self.prefix, Tag=plain(self.tag_filter), And=both)


class Translation(Property):
    """AccessControlTranslation."""

    owner: str


class ReplicaEncryption(Property):
    """EncryptionConfiguration of a destination."""

    replica_kms_key_id: str


class Destination(Property):
    """Where a rule copies to."""

    bucket: str
    account: str | None = None
    storage_class: str | None = None
    access_control_translation: Translation | None = None
    encryption_configuration: ReplicaEncryption | None = None

    def document(self) -> Json:
        """In the API's words."""
        key = self.encryption_configuration
        return given(Bucket=self.bucket, Account=self.account, StorageClass=self.storage_class,
                     AccessControlTranslation=plain(self.access_control_translation),
                     EncryptionConfiguration={"ReplicaKmsKeyID": key.replica_kms_key_id} if key else None)


class Selection(Property):
    """SourceSelectionCriteria."""

    replica_modifications: Switch | None = None
    sse_kms_encrypted_objects: Switch | None = None


class ReplicationRule(Property):
    """One of Rules."""

    destination: Destination
    status: str
    id: str | None = None
    prefix: str | None = None
    priority: int | None = None
    filter: ReplicationFilter | None = None
    delete_marker_replication: Switch | None = None
    source_selection_criteria: Selection | None = None

    def document(self) -> Json:
        """In the API's words."""
        return given(
            ID=self.id, Status=self.status, Prefix=self.prefix, Priority=self.priority,
            Destination=self.destination.document(), Filter=self.filter.document() if self.filter else None,
            DeleteMarkerReplication=plain(self.delete_marker_replication),
            SourceSelectionCriteria=plain(self.source_selection_criteria))


class Replication(Property):
    """ReplicationConfiguration."""

    role: str
    rules: list[ReplicationRule]

    def document(self) -> Json:
        """In the API's words."""
        return {"Role": self.role, "Rules": [rule.document() for rule in self.rules]}
