export const number = (value: number | string): string => Number(value).toLocaleString('en');

export function bytes(value: number | string): string {
  const size = Number(value);
  const power = size < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(size) / 10));
  return power === 0 ? `${size} B` : `${(size / 1024 ** power).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

/** Of a number of milliseconds. */
export const milliseconds = (value: number): string =>
  value === 0 ? '0' : value < 1 ? `${Math.round(value * 1000)} µs` : value < 1000 ? `${Number(value.toPrecision(3))} ms` : `${Number((value / 1000).toPrecision(3))} s`;

/** Of a number per second. */
export const rate = (value: number): string => (value < 10 ? String(Number(value.toFixed(1))) : number(Math.round(value)));

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 120 ? `${whole} s` : whole < 7200 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const memberName = (id: string | undefined): string => (id ? BigInt.asUintN(64, BigInt(id)).toString(16) : '–');

export const plural = (count: number, one: string, many = `${one}s`): string => `${number(count)} ${count === 1 ? one : many}`;
