"""What the SAM translator is not asked."""

from cloudlet.stacks import sam
from cloudlet.stacks.serverless import Question


def test_an_application_of_awss_repository_is_refused_without_asking_aws():
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Layer": {
        "Type": "AWS::Serverless::Application", "Properties": {"Location": {
            "ApplicationId": "arn:aws:serverlessrepo:eu-west-1:1:applications/x",
            "SemanticVersion": "1.0.0"}}}}}
    [problem] = sam.answer(Question(template, {}, "000000000000", "us-east-1")).problems
    assert problem.logical_id == "Layer"
    assert "Bring the template of arn:aws:serverlessrepo:eu-west-1:1:applications/x along" in problem.message
