/** What `make` makes of 0, 1 and so on, as many as asked for. */
export const upTo = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => make(index));
