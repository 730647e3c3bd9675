// The last line a child process wrote to its standard error: our own processes say there why they end.

const MAX_CHARS = 4_000;
const MAX_SENTENCE = 400;

/** Starts to listen; the answer is the last line so far, or null when nothing was said. */
export function gatherComplaint(stderr: NodeJS.ReadableStream | null): () => string | null {
  let text = '';
  stderr?.on('data', (part: Buffer | string) => {
    text = (text + part.toString()).slice(-MAX_CHARS);
  });
  return () => {
    const line = text.trim().split('\n').at(-1)?.trim() ?? '';
    return line === '' ? null : line.slice(0, MAX_SENTENCE);
  };
}
