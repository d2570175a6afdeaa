// A Node.js worker: load the handler, then answer one event after another.
// Frames are as python_worker.py describes them; before the first event comes ``C``, the environment
// in JSON. Source of the contract with handlers:
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html

import { createRequire, Module } from 'node:module';
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { answerAsTold } from './node_responses.mjs';
import { isStreaming, stream } from './node_streaming.mjs';

const handle = Number(process.env._CLOUDLET_CHANNEL);
const channel = new Socket({ fd: handle, readable: true, writable: true });
const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
let json;
let least;
let requestId;
let handler;
let pausedMs = () => 0;

function send(kind, ...parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(size);
  head.writeUInt8(kind.charCodeAt(0), 4);
  channel.write(Buffer.concat([head, ...parts]));
}

// A part of a response that is not over yet; `taken` is called once the channel has room again.
function sendPart(kind, part, taken) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(part.length);
  head.writeUInt8(kind.charCodeAt(0), 4);
  channel.write(head);
  channel.write(part, taken);
}

function say(text) {
  let rest = Buffer.from(text);
  while (rest.length) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

// An error as JSON logs have it; what else is in it stays.
function plainError(key, value) {
  if (!(value instanceof Error)) return value;
  return { errorType: value.constructor?.name ?? 'UnknownError', errorMessage: value.message,
    stackTrace: typeof value.stack === 'string' ? value.stack.split('\n') : value.stack, ...value };
}

function jsonEntry(timestamp, level, args) {
  const entry = { timestamp, level, requestId };
  if (args.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: args[0] }, plainError);
    } catch { // what refers to itself is no JSON
      return JSON.stringify({ ...entry, message: format(args[0]) });
    }
  }
  const error = args.find((arg) => arg instanceof Error);
  const { errorType, errorMessage, stackTrace } = error ? plainError('', error) : {};
  return JSON.stringify({ ...entry, message: format(...args), errorType, errorMessage, stackTrace });
}

function patchConsole() {
  const entry = (level, args) => {
    const now = new Date().toISOString();
    if (json) return jsonEntry(now, level, args);
    const line = `${now}\t${requestId ?? 'undefined'}\t${level}\t${format(...args)}`;
    return line.replaceAll('\n', '\r');
  };
  for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR',
    debug: 'DEBUG', trace: 'TRACE', fatal: 'FATAL' })) {
    console[method] = (...args) => {
      if (json && LEVELS[level.toLowerCase()] < least) return;
      say(entry(level, args) + '\n');
    };
  }
}

// What the runtime itself has to say of an error: as JSON the error alone, as text with what it was.
function sayError(what, told) {
  const { errorType, errorMessage, trace } = told;
  if (json) console.error({ errorType, errorMessage, stackTrace: trace });
  else console.error(what, JSON.stringify({ errorType, errorMessage, stack: trace }));
}

class HandlerNotFound extends Error {}
class ImportModuleError extends Error {}
class UserCodeSyntaxError extends Error {}
const RUNTIME_ERRORS = { HandlerNotFound: 'Runtime.HandlerNotFound',
  ImportModuleError: 'Runtime.ImportModuleError',
  UserCodeSyntaxError: 'Runtime.UserCodeSyntaxError' };

// The function that "folder/module.export" names.
async function load(name) {
  const root = process.env.LAMBDA_TASK_ROOT;
  const dot = name.lastIndexOf('.', name.length);
  const slash = name.lastIndexOf('/');
  const first = name.indexOf('.', slash + 1);
  if (dot <= slash) throw new HandlerNotFound(`Bad handler ${name}`);
  const base = join(root, name.slice(0, first));
  const path = name.slice(first + 1).split('.');
  const file = ['', '.js', '.mjs', '.cjs'].map((suffix) => base + suffix).find((path) => existsSync(path));
  if (!file) {
    const missing = name.slice(0, first);
    throw new ImportModuleError(
      `Error: Cannot find module '${missing}'\nRequire stack:\n- /var/runtime/index.mjs`);
  }
  let module;
  try {
    module = file.endsWith('.cjs') || (!file.endsWith('.mjs') && !isModule(root, file))
      ? createRequire(join(root, 'index.js'))(file) : await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(`${error.name}: ${error.message}`);
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND') {
      throw new ImportModuleError(`Error: ${error.message}`);
    }
    throw error;
  }
  const walk = (start) => path.reduce((found, step) => found?.[step], start);
  const found = walk(module) ?? walk(module.default);
  if (typeof found !== 'function') throw new HandlerNotFound(`${name} is undefined or not exported`);
  return found;
}

function isModule(root, file) {
  for (let folder = join(file, '..'); folder.startsWith(root); folder = join(folder, '..')) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type === 'module';
    if (folder === root) break;
  }
  return false;
}

function describe(error) {
  const real = error instanceof Error;
  const kind = real ? RUNTIME_ERRORS[error.constructor.name] ?? error.name : typeof error;
  return { errorType: kind, errorMessage: real ? error.message : String(error),
    trace: real ? (error.stack ?? '').split('\n') : [] };
}

function memory() {
  const kb = Buffer.alloc(8);
  kb.writeBigUInt64BE(BigInt(process.resourceUsage().maxRSS));
  return kb;
}

function fail(error) {
  const told = describe(error);
  sayError('Invoke Error ', told);
  send('E', memory(), Buffer.from(JSON.stringify(told)));
}

function succeed(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    fail(error);
    return;
  }
  send('A', memory(), Buffer.from(text));
}

function contextOf(head, finish) {
  const env = process.env;
  const before = pausedMs();
  return {
    awsRequestId: head.request_id, invokedFunctionArn: head.arn, functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION, memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME, logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: head.client_context ?? undefined, identity: undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(head.deadline_ms + pausedMs() - before - Date.now(), 0),
    done: (error, result) => finish(error, result), fail: (error) => finish(error ?? new Error('handled')),
    succeed: (result) => finish(null, result),
  };
}

function run(handler, body) {
  const size = body.readUInt32BE(0);
  const head = JSON.parse(body.subarray(4, 4 + size).toString());
  requestId = head.request_id;
  process.env._X_AMZN_TRACE_ID = head.trace;
  let over = false;
  const end = (error, result) => {
    if (over) return;
    over = true;
    process.removeListener('beforeExit', idle);
    if (error !== null && error !== undefined) fail(error); else succeed(result);
  };
  if (isStreaming(handler)) {
    const { done, fail: failed, succeed: succeeded, ...context } = contextOf(head, end);
    const event = JSON.parse(body.subarray(4 + size).toString() || '{}');
    stream(handler, event, context, sendPart, (error) => {
      if (error === null) send('A', memory()); else fail(error);
    });
    return;
  }
  let callbackResult;
  let called = false;
  const context = contextOf(head, end);
  const callback = (error, result) => {
    if (error || context.callbackWaitsForEmptyEventLoop === false) { end(error, result); return; }
    called = true;
    callbackResult = result;
    // AWS waits until the event loop is empty; the channel is unreferenced meanwhile so that it can be
    channel.unref();
  };
  const idle = () => { channel.ref(); end(null, called ? callbackResult : null); };
  process.on('beforeExit', idle);
  try {
    const event = JSON.parse(body.subarray(4 + size).toString() || '{}');
    const result = handler(event, context, callback);
    if (result && typeof result.then === 'function') {
      result.then((value) => end(null, value), (error) => end(error ?? new Error('undefined')));
    } else if (handler.length < 3 && !called) {
      channel.unref(); // neither a promise nor a callback: the answer is null once nothing is left to do
    }
  } catch (error) {
    end(error);
  }
}

process.on('uncaughtException', (error) => {
  sayError('Uncaught Exception ', describe(error));
  send('D', memory(), Buffer.from(JSON.stringify(describe(error))));
  channel.end(() => process.exit(129));
});
process.on('unhandledRejection', (reason) => {
  const told = { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: String(reason), trace: [] };
  sayError('Unhandled Promise Rejection ', told);
  send('D', memory(), Buffer.from(JSON.stringify(told)));
  channel.end(() => process.exit(128));
});

// The process is started before its function is known: this makes it that function's.
async function become(environment) {
  const begun = performance.now();
  const { _CLOUDLET_PATH: path, _CLOUDLET_DEBUG: port, _CLOUDLET_CHANNEL: channel, ...given } = environment;
  if (Object.keys(environment).length) { // else it has been given with the process
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, given);
  }
  delete process.env._CLOUDLET_PATH;
  delete process.env._CLOUDLET_CHANNEL;
  Module._initPaths(); // NODE_PATH is read only once, and was not there
  process.chdir(process.env.LAMBDA_TASK_ROOT);
  json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
  least = LEVELS[(process.env.AWS_LAMBDA_LOG_LEVEL || 'info').toLowerCase()] ?? 30;
  patchConsole();
  // the JavaScript SDK v2 knows no AWS_ENDPOINT_URL
  if (process.env.AWS_ENDPOINT_URL) {
    answerAsTold(process.env.AWS_ENDPOINT_URL);
    const require = createRequire(join(process.env.LAMBDA_TASK_ROOT, 'index.js'));
    try {
      require('aws-sdk').config.update({ endpoint: process.env.AWS_ENDPOINT_URL, s3ForcePathStyle: true });
    } catch { /* the function does not use it */ }
  }
  try {
    if (port) {
      const { waitForEditor } = await import('./debugging.mjs');
      const tell = (stands) => send('P', Buffer.from(stands ? '1' : '0'));
      pausedMs = await waitForEditor(Number(port), handle, tell);
    }
    handler = await load(process.env._HANDLER);
    send('R', Buffer.from(JSON.stringify({ ms: performance.now() - begun })));
  } catch (error) {
    const told = describe(error);
    sayError('Uncaught Exception ', told);
    send('F', Buffer.from(JSON.stringify(told)));
  }
}

let pending = Buffer.alloc(0);
channel.on('data', (data) => {
  pending = pending.length ? Buffer.concat([pending, data]) : data;
  while (pending.length >= 5) {
    const size = pending.readUInt32BE(0);
    const kind = String.fromCharCode(pending[4]);
    if (pending.length < 5 + size) return;
    const body = pending.subarray(5, 5 + size);
    pending = pending.subarray(5 + size);
    if (kind === 'C') become(JSON.parse(body.toString()));
    else run(handler, body);
  }
});
channel.on('end', () => process.exit(0));
send('B'); // the sandbox stands and the process waits
