/** The next round number: 1, 2 or 5 times a power of 10; of bytes, times a power of 1024 as well. */
export function roundUp(value: number, isBytes: boolean): number {
  if (!(value > 0)) {
    return 1;
  }
  const unit = isBytes ? 1024 ** Math.max(0, Math.floor(Math.log2(value) / 10)) : 1;
  const power = 10 ** Math.floor(Math.log10(value / unit));
  const step = [1, 2, 5, 10].find((one) => one * power >= (value / unit) * 0.999_999)!;
  return step * power * unit;
}

interface Box {
  from: number;
  to: number;
  most: number;
  width: number;
  height: number;
  /** Samples that lie further apart are not joined by a line. */
  gap: number;
}

/** The line through the samples as an SVG path, with a gap where there was nothing to measure. */
export function pathOf(times: readonly number[], values: readonly (number | null)[], { from, to, most, width, height, gap }: Box): string {
  let path = '';
  let last = -Infinity;
  values.forEach((value, index) => {
    const time = times[index]!;
    if (value === null || time < from) {
      last = -Infinity;
      return;
    }
    const place = `${(((time - from) / (to - from)) * width).toFixed(1)} ${(height - (value / most) * height).toFixed(1)}`;
    // A sample without neighbors is a dot.
    path += time - last > gap ? `M${place}h0` : `L${place}`;
    last = time;
  });
  return path;
}
