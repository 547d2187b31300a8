import { ApiError, noted, send } from '../api/client';
import { fromBase64, toArray } from '../api/bytes';

interface Chunk {
  result?: { remaining_bytes?: string; blob?: string };
  error?: { message: string; code: number };
}

interface FilePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{ createWritable: () => Promise<WritableStream<Uint8Array>> }>;
}

/**
 * Saves a snapshot while it comes: into a file where the browser lets a page write one, else as parts of a Blob, which the browser may keep
 * on its disk. The page itself holds one chunk at a time.
 */
export async function saveSnapshot(name: string, onProgress: (bytes: number) => void): Promise<void> {
  const pick = (window as FilePicker).showSaveFilePicker;
  const file = pick ? await (await pick.call(window, { suggestedName: name })).createWritable() : null;
  const writer = file?.getWriter();
  const parts: Blob[] = [];
  let bytes = 0;
  let left = 1n;
  try {
    const answer = await send('/v3/maintenance/snapshot', {});
    for await (const line of linesOf(answer.body!)) {
      const { result, error } = JSON.parse(line) as Chunk;
      if (error || !result) {
        throw noted(new ApiError(error?.message ?? 'The snapshot broke off.', error?.code ?? 2));
      }
      const blob = toArray(fromBase64(result.blob));
      left = BigInt(result.remaining_bytes ?? '0');
      bytes += blob.length;
      await (writer ? writer.write(blob) : parts.push(new Blob([blob])));
      onProgress(bytes);
    }
    if (left !== 0n) {
      throw new Error('The snapshot broke off before its end. Nothing was saved.');
    }
  } catch (error) {
    await writer?.abort();
    throw error;
  }
  await writer?.close();
  if (!writer) {
    const url = URL.createObjectURL(new Blob(parts));
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let parts: string[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const [first, ...others] = read.value.split('\n');
    parts.push(first!);
    for (const other of others) {
      yield parts.join('');
      parts = [other];
    }
  }
  const last = parts.join('');
  if (last.trim() !== '') {
    yield last;
  }
}
