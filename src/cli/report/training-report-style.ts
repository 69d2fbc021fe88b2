/** @file What the training report's style sheet has besides that of every report. */

export const TRAINING_STYLE = `
.results, .confusion { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.results td, .results th { padding: 6px 28px 6px 0; text-align: right; font-weight: 400; }
.results th { color: var(--soft); font-size: 13px; }
.results td:first-child, .results th:first-child { text-align: left; }
.results td:nth-child(2) { font-weight: 600; }
.chip::before { content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 9px; border-radius: 2px; background: var(--color); }
.key::before { content: ""; display: inline-block; vertical-align: middle; width: 18px; margin-right: 9px; border-top: 2px solid var(--soft); }
.key.thin::before { border-top-width: 1px; opacity: 0.5; }
.key.dot::before { width: 9px; height: 9px; border: 2px solid var(--soft); border-radius: 50%; }
.key.right::before, .key.wrong::before { width: 9px; height: 9px; border: 0; border-radius: 2px; background: var(--fused); }
.key.wrong::before { background: var(--rgb); }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(290px, 100%), 1fr)); gap: 22px 30px; }
.curve { margin: 0; }
.curve figcaption { font-weight: 600; margin-bottom: 6px; }
.curve svg { display: block; width: 100%; height: auto; overflow: visible; }
.curve text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.curve .grid { stroke: var(--line); stroke-width: 1; }
.curve polyline { fill: none; stroke: var(--color); stroke-width: 2; stroke-linejoin: round; }
.curve .faint { stroke-width: 1; opacity: 0.28; }
.curve .dots { fill: var(--card); stroke: var(--color); stroke-width: 2; }
.legend { margin: 0 0 14px; flex-wrap: wrap; gap: 4px 22px; }
.scroll { overflow-x: auto; }
.confusion td { min-width: 34px; height: 30px; padding: 0 5px; text-align: center; font-size: 13px; border: 2px solid var(--card);
  border-radius: 6px; background: color-mix(in srgb, var(--mark) var(--share), var(--track)); }
.confusion .none { color: transparent; background: var(--track); }
.confusion .right { --mark: var(--fused); }
.confusion .wrong { --mark: var(--rgb); }
.confusion .full { color: #fff; }
.confusion th { font-weight: 400; font-size: 13px; color: var(--soft); }
.confusion tbody th { text-align: right; padding: 3px 10px 3px 0; }
.confusion tbody span { display: block; width: max-content; max-width: min(22em, 34vw); margin-left: auto; line-height: 1.3; overflow-wrap: anywhere; }
.confusion thead th { vertical-align: bottom; padding-bottom: 6px; }
.confusion thead span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; max-height: 14em; overflow: hidden; text-overflow: ellipsis; }
.plain { margin: 0; padding: 0; list-style: none; }
.plain li { padding: 3px 0; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--soft); }
pre { overflow-x: auto; font: 12.5px/1.5 ui-monospace, monospace; }
@media (prefers-color-scheme: dark) { .confusion .full { color: #10221f; } }
`;
