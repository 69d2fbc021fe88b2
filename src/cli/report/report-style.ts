/** @file The style sheet of the report page. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --soft: #696e78; --line: #e6e3dd; --track: #efece6;
  --rgb: #d9623b; --flow: #3d6fd1; --fused: #21897a;
  --decode: #b9a06a; --prepare: #9aa1ad; --compile: #c98aa8; --run: #21897a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --card: #1e2126; --ink: #eceae6; --soft: #9aa0aa; --line: #2d3138; --track: #2a2e35;
    --rgb: #ef8660; --flow: #7aa2f0; --fused: #4fbfae;
    --decode: #b59b62; --prepare: #7d8491; --compile: #c58aa6; --run: #4fbfae;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 56px; }
header { margin-bottom: 32px; }
.file { margin: 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
h1, .label, .facts { overflow-wrap: anywhere; }
h1 { margin: 2px 0 10px; font-size: 38px; line-height: 1.15; letter-spacing: -0.02em; font-weight: 650; }
h1 .share { color: var(--soft); font-weight: 400; white-space: nowrap; }
.facts { margin: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); }
h2 { margin: 0 0 14px; font-size: 13px; font-weight: 600; letter-spacing: 0.04em; color: var(--soft); text-transform: uppercase; }
section { margin: 0 0 22px; padding: 20px 22px 22px; background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.film { display: grid; grid-template-columns: repeat(auto-fill, minmax(108px, 1fr)); gap: 12px; }
.film figure { margin: 0; }
.film figure, .charts > * { min-width: 0; }
.film img { display: block; width: 100%; border-radius: 6px; }
.film img + img { margin-top: 4px; }
.film figcaption { margin-top: 4px; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.legend { display: flex; align-items: center; gap: 12px; margin: 16px 0 0; font-size: 13px; color: var(--soft); }
.legend img { width: 44px; height: 44px; border-radius: 50%; flex: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(260px, 100%), 1fr)); gap: 14px 36px; }
.chart h3 { margin: 0 0 8px; font-size: 16px; font-weight: 600; }
.chart ol { list-style: none; margin: 0; padding: 0; }
.chart li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding: 5px 0; }
.chart .best .label { font-weight: 600; }
.value { color: var(--soft); font-variant-numeric: tabular-nums; }
.track { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; }
.bar { display: block; height: 100%; min-width: 2px; border-radius: 3px; background: var(--color); }
.rgb { --color: var(--rgb); } .flow { --color: var(--flow); } .fused { --color: var(--fused); }
.decode { --color: var(--decode); } .prepare { --color: var(--prepare); } .compile { --color: var(--compile); } .run { --color: var(--run); }
.note { margin: 0 0 14px; color: var(--soft); font-size: 14px; }
footer { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 560px) { main { padding: 24px 14px; } h1 { font-size: 30px; } section { padding: 16px; } .film { grid-template-columns: repeat(4, 1fr); gap: 8px; } }
`;
