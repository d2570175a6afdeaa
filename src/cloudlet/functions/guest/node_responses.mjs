// Answers of custom resources. The copies of cfn-response that templates carry, and the CDK's own functions,
// answer over TLS at port 443 of the host in ResponseURL, whatever else that says. Here such an answer, and
// nothing else, goes to the cloudlet as the URL says.

import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

const SITE = '/_site/cloudformation-response/';

export function answerAsTold(endpoint) {
  const { port } = new URL(endpoint);
  const secure = https.request;
  https.request = function request(options, ...rest) {
    return typeof options?.path === 'string' && options.path.startsWith(SITE)
      ? http.request({ ...options, protocol: 'http:', port, agent: undefined }, ...rest)
      : secure.call(this, options, ...rest);
  };
  syncBuiltinESMExports();
}
