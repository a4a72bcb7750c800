/** Whether two values say the same: records of numbers, texts and lists, whose parts are in one order. */
export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
