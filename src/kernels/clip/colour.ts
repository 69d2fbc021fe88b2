/** @file One number for red, green and blue, or one for each. */

export type PerColour = number | readonly [red: number, green: number, blue: number];

export const colours = (value: PerColour): readonly [red: number, green: number, blue: number] =>
  typeof value === 'number' ? [value, value, value] : value;

/** Fields of a kernel's parameters that hold a scale and a shift of each colour. */
export const COLOUR_FIELDS = {
  scale_r: 'f32',
  scale_g: 'f32',
  scale_b: 'f32',
  shift_r: 'f32',
  shift_g: 'f32',
  shift_b: 'f32',
} as const;

/** What these fields hold. */
export function colourValues({ scale, shift }: { readonly scale: PerColour; readonly shift: PerColour }) {
  const [scale_r, scale_g, scale_b] = colours(scale);
  const [shift_r, shift_g, shift_b] = colours(shift);
  return { scale_r, scale_g, scale_b, shift_r, shift_g, shift_b };
}
