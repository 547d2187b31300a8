/** The last of many things, in the order in which they came. */
export class Ring<T> {
  private readonly slots: T[] = [];
  private begin = 0;

  constructor(private readonly capacity: number) {}

  get length(): number {
    return this.slots.length;
  }

  add(one: T): void {
    if (this.slots.length < this.capacity) {
      this.slots.push(one);
    } else {
      this.slots[this.begin] = one;
      this.begin = (this.begin + 1) % this.capacity;
    }
  }

  clear(): void {
    this.slots.length = 0;
    this.begin = 0;
  }

  newestFirst(): T[] {
    return [...this.slots.slice(this.begin), ...this.slots.slice(0, this.begin)].reverse();
  }
}
