// Asking the server. Every failure is a Refusal with a status; 0 means that it can't be reached.

export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }

  // Whether the same request may succeed later: the work is kept in the browser until then.
  get isPassing() {
    return this.status === 0 || this.status === 503 || this.status === 429 || this.status >= 520;
  }
}

async function request(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refusal(0, "The server can't be reached.");
  }
  if (answer.ok) return answer;
  let sentence = `The server answers ${answer.status}.`;
  try { sentence = (await answer.json()).error || sentence; } catch { /* no sentence came */ }
  throw new Refusal(answer.status, sentence);
}

export async function ask(address) {
  return (await request(address)).json();
}

export async function bytes(address) {
  return (await request(address)).arrayBuffer();
}

export async function tell(address, body) {
  const options = { method: "POST", headers: { "content-type": "application/json" } };
  return (await request(address, { ...options, body: JSON.stringify(body) })).json();
}

// A save: the head's length (4 bytes), the head, the outlines' bits deflated.
export async function send(address, head, bits) {
  const words = new TextEncoder().encode(JSON.stringify(head));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, words.length);
  const packed = await deflated(bits);
  const options = { method: "POST", headers: { "content-type": "application/octet-stream" } };
  return (await request(address, { ...options, body: new Blob([length, words, packed]) })).json();
}

async function deflated(content) {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Response(stream).blob();
}
