// What inline code that answers for a custom resource requires: CloudFormation puts it beside such code.
const http = require('http');
const https = require('https');

exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';

// Tells CloudFormation what became of the request in `event`, and ends the invocation.
exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) => {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  console.log('Response body:\n', body);
  const url = new URL(event.ResponseURL);
  const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
  const request = (url.protocol === 'http:' ? http : https).request(url, { method: 'PUT', headers }, (response) => {
    console.log('Status code:', response.statusCode);
    context.done();
  });
  request.on('error', (error) => {
    console.log('send(..) failed executing the request:', error.message);
    context.done();
  });
  request.end(body);
};
