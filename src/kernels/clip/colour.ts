/** @file One number for red, green and blue, or one for each. */

export type PerColour = number | readonly [red: number, green: number, blue: number];

export const colours = (value: PerColour): readonly [red: number, green: number, blue: number] =>
  typeof value === 'number' ? [value, value, value] : value;
