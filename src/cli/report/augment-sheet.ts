/** @file The sheet of `i3d augment`: rows of pictures as one PNG, or as a page with labels. */

import { basename } from 'node:path';
import { encodePng } from '../../io/encode.ts';
import { packageVersions } from '../machine.ts';
import type { RowGroup } from './augment-rows.ts';
import { escaped, htmlPage } from './page.ts';
import { dataUrl } from './samples.ts';

/** Pictures of one row, side×side×3 bytes each, in the order of the rows of all groups. */
export type Strip = readonly Uint8Array[];

/** Pixels between pictures, rows and groups, and around all. */
const GAP = { column: 2, row: 6, group: 22, edge: 12 } as const;
/** Darker than still flow, which is white. */
const PAPER = [222, 219, 213] as const;

/** All rows below each other. */
export async function sheetPng(
  groups: readonly RowGroup[],
  strips: readonly Strip[],
  side: number,
): Promise<Uint8Array> {
  const columns = strips[0]!.length;
  const width = 2 * GAP.edge + columns * side + (columns - 1) * GAP.column;
  const rows = strips.length * side + (strips.length - groups.length) * GAP.row;
  const height = 2 * GAP.edge + rows + (groups.length - 1) * GAP.group;
  const sheet = paper(width, height);
  let [top, next] = [GAP.edge, 0];
  for (const group of groups) {
    for (const _ of group.rows) {
      paste(sheet, width, strips[next++]!, side, top, GAP.edge);
      top += side + GAP.row;
    }
    top += GAP.group - GAP.row;
  }
  return encodePng(sheet, width, height);
}

const OWN_STYLE = `
section figure { margin: 0 0 12px; }
section figure img { display: block; width: 100%; border-radius: 6px; }
section figcaption { display: flex; flex-wrap: wrap; gap: 0 12px; margin-bottom: 4px; font-size: 13px; }
section figcaption span { color: var(--soft); }
`;

/** A page with a label beside each row. */
export async function sheetPage(
  clip: string,
  groups: readonly RowGroup[],
  strips: readonly Strip[],
  side: number,
  seed: number,
): Promise<string> {
  const name = escaped(basename(clip));
  let next = 0;
  const sections: string[] = [];
  for (const { title, rows } of groups) {
    const figures: string[] = [];
    for (const { label, note } of rows) {
      const picture = await stripUrl(strips[next++]!, side);
      figures.push(
        `<figure><figcaption><b>${escaped(label)}</b><span>${escaped(note)}</span></figcaption><img src="${picture}" alt="${escaped(`${label}: ${note}`)}"></figure>`,
      );
    }
    sections.push(`<section>\n<h2>${escaped(title)}</h2>\n${figures.join('\n')}\n</section>`);
  }
  return htmlPage(
    `${name}: augmentation`,
    `<header>
<p class="file">${name}</p>
<h1>What training sees</h1>
<p class="facts"><span>seed ${seed}</span></p>
</header>
${sections.join('\n')}
<footer>Made by i3d-webgpu ${packageVersions().own}.</footer>`,
    OWN_STYLE,
  );
}

async function stripUrl(strip: Strip, side: number): Promise<string> {
  const width = strip.length * side + (strip.length - 1) * GAP.column;
  const row = paper(width, side);
  paste(row, width, strip, side, 0, 0);
  return dataUrl(row, width, side);
}

function paper(width: number, height: number): Uint8Array {
  return new Uint8Array(width * height * 3).map((_, i) => PAPER[i % 3]!);
}

function paste(sheet: Uint8Array, width: number, strip: Strip, side: number, top: number, left: number): void {
  for (const [i, picture] of strip.entries()) {
    for (let y = 0; y < side; y++) {
      const at = ((top + y) * width + left + i * (side + GAP.column)) * 3;
      sheet.set(picture.subarray(y * side * 3, (y + 1) * side * 3), at);
    }
  }
}
