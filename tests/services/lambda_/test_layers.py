"""Layers: found where AWS's runtimes look, kept by those who have them."""

import io
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError

from .conftest import PYTHON, ROLE, zipped

IMPORTS = "import part\ndef handler(event, context): return part.NAME"


def archive(**files) -> bytes:
    """A package of these files; keys are paths with ``__`` for ``/``, values are texts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zip:
        for name, text in files.items():
            zip.writestr(name.replace("__", "/").replace("_py", ".py").replace("_js", ".js"), text)
    return packed.getvalue()


@pytest.fixture
def publish(cloudlet, request):
    """Publish a layer; its ARN comes back."""
    client = cloudlet.client("lambda")
    count = iter(range(20))

    def publish(content: bytes, *, name: str = "", **more) -> str:
        name = name or f"layer-{abs(hash(request.node.name))}-{next(count)}"
        made = client.publish_layer_version(LayerName=name, Content={"ZipFile": content}, **more)
        return made["LayerVersionArn"]

    return publish


def refusal(call, **params):
    """What an operation answers when it refuses: its code and its message."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_modules_are_found_in_both_places_of_a_layer(deploy, publish):
    plain = publish(archive(python__part_py="NAME = 'plain'"))
    assert deploy(IMPORTS, Layers=[plain])() == ("plain", None)
    site = archive(**{"python__lib__python3.11__site-packages__part_py": "NAME = 'site'"})
    assert deploy(IMPORTS, Layers=[publish(site)])() == ("site", None)
    assert deploy(IMPORTS, Layers=[plain, publish(site)])() == ("site", None)


def test_later_layers_lie_over_earlier_ones_and_code_over_all(deploy, publish):
    one, two = (publish(archive(python__part_py=f"NAME = '{n}'", data=n)) for n in ("one", "two"))
    source = IMPORTS.replace("part.NAME", "part.NAME + open('/opt/data').read()")
    assert deploy(source, Layers=[one, two])() == ("twotwo", None)
    assert deploy(source, Layers=[two, one])() == ("oneone", None)
    both = deploy(IMPORTS, Layers=[one])
    both.client.update_function_code(
        FunctionName=both.name, ZipFile=zipped(app_py=IMPORTS, part_py="NAME = 'own'"))
    assert both() == ("own", None)


def test_node_finds_modules_of_its_own_version_and_of_all(deploy, publish, node):
    major = node.removeprefix("nodejs").removesuffix(".x")
    source = "exports.handler = async () => [require('part'), require('other')];"
    layer = publish(archive(**{
        f"nodejs__node{major}__node_modules__part__index_js": "module.exports = 'for this version';",
        "nodejs__node_modules__part__index_js": "module.exports = 'for all';",
        "nodejs__node_modules__other__index_js": "module.exports = 'other';"}))
    assert deploy(source, runtime=node, Layers=[layer])() == (["for this version", "other"], None)


def test_a_function_keeps_a_layer_that_is_deleted(deploy, publish):
    layer = publish(archive(python__part_py="NAME = 'kept'"))
    function, client = deploy(IMPORTS, Layers=[layer]), None
    client = function.client
    name, number = layer.split(":")[-2:]
    client.delete_layer_version(LayerName=name, VersionNumber=int(number))
    client.delete_layer_version(LayerName=name, VersionNumber=int(number))  # nothing happens
    assert function() == ("kept", None)
    client.update_function_configuration(FunctionName=function.name, Timeout=10)
    assert function() == ("kept", None)
    shown = client.get_function_configuration(FunctionName=function.name)["Layers"]
    assert [one["Arn"] for one in shown] == [layer]
    assert shown[0]["CodeSize"] > 0
    assert refusal(client.get_layer_version_by_arn, Arn=layer) == (
        "ResourceNotFoundException", "The resource you requested does not exist.")
    code, message = refusal(client.update_function_configuration, FunctionName=function.name, Layers=[layer])
    assert (code, message) == ("InvalidParameterValueException", f"Layer version {layer} does not exist.")
    again = client.publish_layer_version(LayerName=name, Content={"ZipFile": archive(a="b")})
    assert again["Version"] == 2


def test_layers_that_can_not_be_had_together_are_refused(deploy, publish, cloudlet):
    client = cloudlet.client("lambda")
    first = publish(archive(a="1"), name="same")
    second = publish(archive(a="2"), name="same")
    many = [publish(archive(a=str(n))) for n in range(6)]
    west = first.replace("us-east-1", "eu-west-1")
    invalid = "InvalidParameterValueException"

    def told(layers):
        return refusal(client.create_function, FunctionName="never", Role=ROLE, Runtime=PYTHON,
                       Handler="app.handler", Code={"ZipFile": zipped(app_py=IMPORTS)}, Layers=layers)

    assert told([first, second]) == (
        invalid, "Two different versions of the same layer are not allowed to be referenced in the same "
                 f"function. {first} and {second} are versions of the same layer.")
    assert told(many) == (invalid, "Cannot reference more than 5 layers.")
    assert told([west]) == (invalid, "Layers are not in the same region as the function. Layers are expected "
                                     "to be in region us-east-1.")
    assert told([first[:-2]])[0] == "ValidationException"


def test_code_and_layers_together_have_250_megabytes(deploy, publish, cloudlet):
    zeros = "\0" * (130 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zip:
        zip.writestr("zeros", zeros)
    one, two = publish(packed.getvalue()), publish(packed.getvalue())
    function = deploy("def handler(event, context): return 1", Layers=[one])
    code, message = refusal(function.client.update_function_configuration, FunctionName=function.name,
                            Layers=[one, two])
    assert code == "InvalidParameterValueException"
    assert "combined with layers exceeds the maximum allowed size of 262144000 bytes" in message
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as zip:
        zip.writestr("more", zeros)
    assert refusal(function.client.update_function_code, FunctionName=function.name,
                   ZipFile=packed.getvalue()) == (
        "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")


def test_a_layers_content_may_be_a_version_of_an_object(deploy, cloudlet):
    s3, client = cloudlet.client("s3"), cloudlet.client("lambda")
    s3.create_bucket(Bucket="layers")
    s3.put_bucket_versioning(Bucket="layers", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="layers", Key="x.zip", Body=archive(python__part_py="NAME = 'old'"))
    s3.put_object(Bucket="layers", Key="x.zip", Body=archive(python__part_py="NAME = 'new'"))
    content = {"S3Bucket": "layers", "S3Key": "x.zip"}
    newer = client.publish_layer_version(LayerName="object", Content=content)
    older = client.publish_layer_version(LayerName="object",
                                         Content={**content, "S3ObjectVersion": old["VersionId"]})
    assert deploy(IMPORTS, Layers=[newer["LayerVersionArn"]])() == ("new", None)
    assert deploy(IMPORTS, Layers=[older["LayerVersionArn"]])() == ("old", None)
    with urllib.request.urlopen(older["Content"]["Location"]) as answer:
        assert zipfile.ZipFile(io.BytesIO(answer.read())).namelist() == ["python/part.py"]


def test_lists_ask_for_what_layers_say_of_themselves(publish, fresh):
    cloudlet = fresh()
    client = cloudlet.client("lambda")
    for name, runtimes, architectures in (("a", ["python3.11"], ["arm64"]), ("b", ["python3.12"], ["x86_64"]),
                                          ("c", [], [])):
        for _ in range(2):
            client.publish_layer_version(LayerName=name, Content={"ZipFile": archive(a="b")},
                                         CompatibleRuntimes=runtimes, CompatibleArchitectures=architectures)
    names = lambda **asked: [one["LayerName"] for one in client.list_layers(**asked)["Layers"]]  # noqa: E731
    assert names() == ["a", "b", "c"]
    assert names(CompatibleRuntime="python3.11") == ["a"]
    assert names(CompatibleArchitecture="x86_64") == ["b"]
    assert [one["LatestMatchingVersion"]["Version"] for one in client.list_layers()["Layers"]] == [2, 2, 2]
    first = client.list_layers(MaxItems=2)
    assert [one["LayerName"] for one in first["Layers"]] == ["a", "b"]
    rest = client.list_layers(MaxItems=2, Marker=first["NextMarker"])
    assert ([one["LayerName"] for one in rest["Layers"]], rest.get("NextMarker")) == (["c"], None)
    page = client.list_layer_versions(LayerName="a", MaxItems=1)
    assert [one["Version"] for one in page["LayerVersions"]] == [2]
    page = client.list_layer_versions(LayerName="a", Marker=page["NextMarker"])
    assert [one["Version"] for one in page["LayerVersions"]] == [1]
    assert client.list_layer_versions(LayerName="unknown")["LayerVersions"] == []


def test_another_account_may_use_what_it_was_granted(cloudlet, publish):
    layer = publish(archive(python__part_py="NAME = 'shared'"))
    name, number = layer.split(":")[-2:]
    where = {"LayerName": name, "VersionNumber": int(number)}
    own, other = cloudlet.client("lambda"), cloudlet.client("lambda", key="111111111111")

    def create(function):
        return other.create_function(
            FunctionName=function, Role="arn:aws:iam::111111111111:role/any", Runtime=PYTHON,
            Handler="app.handler", Code={"ZipFile": zipped(app_py=IMPORTS)}, Layers=[layer])

    assert refusal(create, function="early")[0] == "AccessDeniedException"
    made = own.add_layer_version_permission(**where, StatementId="s1", Action="lambda:GetLayerVersion",
                                            Principal="111111111111")
    create(function="allowed")
    assert other.invoke(FunctionName="allowed")["Payload"].read() == b'"shared"'
    assert refusal(own.add_layer_version_permission, **where, StatementId="s1", Principal="*",
                   Action="lambda:GetLayerVersion")[0] == "ResourceConflictException"
    assert own.get_layer_version_policy(**where)["RevisionId"] == made["RevisionId"]
    assert refusal(own.remove_layer_version_permission, **where, StatementId="s1", RevisionId="old") == (
        "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call "
        "the GetLayerPolicy API to retrieve the latest Revision Id")
    own.remove_layer_version_permission(**where, StatementId="s1")
    assert refusal(own.get_layer_version_policy, **where) == (
        "ResourceNotFoundException", "No policy is associated with the given resource.")
    assert other.invoke(FunctionName="allowed")["Payload"].read() == b'"shared"'
    assert refusal(create, function="late")[0] == "AccessDeniedException"
