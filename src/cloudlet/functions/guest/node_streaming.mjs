// Responses that are sent while the handler still writes them: the global `awslambda`, and the stream that a
// handler gets. What is written goes out in frames ``S``; before the first goes ``H``, the content type.
// A piece counts as written once the channel has taken it, and so the handler waits for a slow client.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html

import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const WITH_PRELUDE = 'application/vnd.awslambda.http-integration-response';
const FRAME = 64 << 10;

class InvalidStreamingOperation extends Error {
  name = 'Runtime.InvalidStreamingOperation';
}

class ResponseStream extends Writable {
  #send;
  #contentType = 'application/octet-stream';
  #begun = false;

  constructor(send, highWaterMark) {
    super(highWaterMark ? { highWaterMark } : {});
    this.#send = send;
  }

  setContentType(contentType) {
    if (this.#begun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = String(contentType);
  }

  // What is neither text nor bytes is written as JSON.
  write(chunk, encoding, callback) {
    const plain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  _write(chunk, encoding, callback) {
    this.#begin();
    this.#sendAll(chunk).then(() => callback(), callback);
  }

  _final(callback) {
    this.#begin();
    callback();
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    this.#send('H', Buffer.from(JSON.stringify({ contentType: this.#contentType })));
    this._onBeforeFirstWrite?.((chunk) => this.#send('S', Buffer.from(chunk)));
  }

  async #sendAll(chunk) {
    for (let at = 0; at < chunk.length; at += FRAME) {
      await new Promise((done) => this.#send('S', chunk.subarray(at, at + FRAME), done));
    }
  }
}

globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: {
    // Status, headers and cookies go before the body, in JSON and eight zero bytes.
    from(stream, prelude) {
      stream.setContentType(WITH_PRELUDE);
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(prelude));
        write(new Uint8Array(8));
      };
      return stream;
    },
  },
};

export function isStreaming(handler) {
  return handler[STREAMING] === 'response';
}

// Let the handler write its response; what it writes leaves through `send`, and `end` is told how it went.
export async function stream(handler, event, context, send, end) {
  const response = new ResponseStream(send, handler[HIGH_WATER_MARK]);
  response.on('error', () => {}); // whoever wrote is told; if that is nobody, the handler's promise says it
  try {
    const result = handler(event, response, context);
    if (typeof result?.then !== 'function') throw 'Streaming does not support non-async handlers.';
    if (await result !== undefined) console.warn('Streaming handlers ignore return values.');
    await finished(response);
    end(null);
  } catch (error) {
    if (!response.writableEnded && !response.destroyed) {
      response.end(); // what was written before it went wrong goes out first
      await finished(response).catch(() => {});
    }
    end(error ?? new Error('undefined'));
  }
}
