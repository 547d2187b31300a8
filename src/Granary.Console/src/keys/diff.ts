export interface DiffLine {
  kind: 'same' | 'gone' | 'new';
  text: string;
}

// The table of all pairs of lines has this many fields at most; beyond, what is between is taken for another text.
const mostPairs = 4_000_000;

/** Two texts line by line. */
export function diff(before: string, after: string): DiffLine[] {
  const old = before === '' ? [] : before.split('\n');
  const fresh = after === '' ? [] : after.split('\n');
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) {
    head++;
  }
  let tail = 0;
  while (tail < old.length - head && tail < fresh.length - head && old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]) {
    tail++;
  }
  const line = (kind: DiffLine['kind']) => (text: string): DiffLine => ({ kind, text });
  return [
    ...old.slice(0, head).map(line('same')),
    ...between(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)),
    ...old.slice(old.length - tail).map(line('same')),
  ];
}

function between(old: string[], fresh: string[]): DiffLine[] {
  if (old.length * fresh.length > mostPairs) {
    return [...old.map((text): DiffLine => ({ kind: 'gone', text })), ...fresh.map((text): DiffLine => ({ kind: 'new', text }))];
  }
  // How many lines are common from a pair of lines on.
  const width = fresh.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      common[i * width + j] = old[i] === fresh[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      lines.push({ kind: 'same', text: old[i++]! });
      j++;
    } else if (j >= fresh.length || (i < old.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)) {
      lines.push({ kind: 'gone', text: old[i++]! });
    } else {
      lines.push({ kind: 'new', text: fresh[j++]! });
    }
  }
  return lines;
}

/** Leaves out what is far from a change. */
export function folded(lines: DiffLine[], around = 3): (DiffLine | { kind: 'left out'; count: number })[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => line.kind !== 'same' && near.fill(1, Math.max(0, index - around), index + around + 1));
  const kept: (DiffLine | { kind: 'left out'; count: number })[] = [];
  lines.forEach((line, index) => {
    const last = kept.at(-1);
    if (near[index]) {
      kept.push(line);
    } else if (last?.kind === 'left out') {
      last.count++;
    } else {
      kept.push({ kind: 'left out', count: 1 });
    }
  });
  return kept;
}
