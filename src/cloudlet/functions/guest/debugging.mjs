// Waiting for an editor, and telling the pool when the function stands at a breakpoint.
// The main thread can't tell: it stands. So a thread of its own listens to the inspector.

import { once } from 'node:events';
import inspector from 'node:inspector';
import { Worker } from 'node:worker_threads';

const WATCH = `
const { Session } = require('node:inspector');
const { parentPort, workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { handle, clock } = workerData;
function tell(stands) {
  const now = BigInt(Date.now());
  writeSync(handle, Buffer.from([0, 0, 0, 1, 'P'.charCodeAt(0), stands ? 49 : 48]));
  if (!stands) Atomics.add(clock, 0, now - Atomics.load(clock, 1));
  Atomics.store(clock, 1, stands ? now : 0n);
}
const session = new Session();
session.connectToMainThread();
session.on('Debugger.paused', () => tell(true));
session.on('Debugger.resumed', () => tell(false));
session.post('Debugger.enable', () => parentPort.postMessage('ready'));
parentPort.on('message', () => {}); // a thread that listens to nothing would end
`;

// How long the function has stood at breakpoints, in milliseconds; watched from the first editor on.
export async function waitForEditor(port, handle, tell) {
  const clock = new BigInt64Array(new SharedArrayBuffer(16)); // milliseconds so far, and since when
  tell(true);
  inspector.open(port, '127.0.0.1', true);
  const watcher = new Worker(WATCH, { eval: true, workerData: { handle, clock } });
  await once(watcher, 'message');
  watcher.unref();
  tell(false);
  return () => {
    const since = Atomics.load(clock, 1);
    return Number(Atomics.load(clock, 0)) + (since ? Date.now() - Number(since) : 0);
  };
}
