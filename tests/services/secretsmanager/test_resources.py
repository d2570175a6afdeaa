"""What templates say of secrets."""

import json

TEMPLATE = {
    "Resources": {
        "S": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "Description": "a database",
                "Tags": [{"Key": "a", "Value": "b"}],
                "GenerateSecretString": {
                    "SecretStringTemplate": '{"username": "admin"}',
                    "GenerateStringKey": "password",
                    "PasswordLength": "20",
                    "ExcludePunctuation": "true",
                },
            },
        }
    },
    "Outputs": {"Arn": {"Value": {"Ref": "S"}}},
}


def test_a_template_makes_up_a_password_once(cloudlet):
    client, sm = cloudlet.client("cloudformation"), cloudlet.client("secretsmanager")

    def wait(verb):
        client.get_waiter(f"stack_{verb}_complete").wait(
            StackName="secrets", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})

    client.create_stack(StackName="secrets", TemplateBody=json.dumps(TEMPLATE))
    wait("create")
    arn = client.describe_stacks(StackName="secrets")["Stacks"][0]["Outputs"][0]["OutputValue"]
    secret = json.loads(sm.get_secret_value(SecretId=arn)["SecretString"])
    assert secret["username"] == "admin" and len(secret["password"]) == 20 and secret["password"].isalnum()
    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["S"]["Properties"]["Description"] = "another"
    client.update_stack(StackName="secrets", TemplateBody=json.dumps(changed))
    wait("update")
    assert json.loads(sm.get_secret_value(SecretId=arn)["SecretString"]) == secret
    assert sm.describe_secret(SecretId=arn)["Description"] == "another"
    client.delete_stack(StackName="secrets")
    wait("delete")
    assert sm.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
