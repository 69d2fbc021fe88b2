/** @file The layers of src/, as rules: `npm run check:layers` fails on an import that goes up. */

const { readdirSync } = require('node:fs');
const { builtinModules } = require('node:module');
const { join } = require('node:path');

/** What no browser has: Node's modules, and packages that need them. */
const ofNode = [`^(node:)?(${builtinModules.join('|')})$`, '(^|/)node_modules/(node-av|webgpu|commander)/'];

/** The layers below the architectures, and those above them. */
const below = ['core', 'gpu', 'kernels', 'ops', 'graph', 'flow', 'models'];
const above = ['io', 'recognition', 'train', 'cli'];

/** Every other folder is an architecture's, such as `i3d`: together they are one layer, and src/catalogue.ts lists them. */
const architectures = readdirSync(join(__dirname, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...below, ...above].includes(entry.name))
  .map(({ name }) => name);

/** Each layer may import from itself and from those before it; one of several folders is named by all of them. */
const layers = [...below, architectures.join('|'), ...above];

/** Layers that may see less than their place in the order allows. */
const narrower = {
  kernels: { may: ['core'], why: 'A kernel is a pure function: any test can call it without a GPU.' },
  ops: { may: ['core', 'kernels'], why: 'Operators describe work; they do not run it.' },
  io: { may: ['core'], why: 'Files know nothing of devices and models.' },
  train: {
    may: [...below, 'io', 'recognition'],
    why: 'Whatever is trained comes from a list of models, not by its name.',
  },
  cli: {
    may: [...below, ...above].filter((layer) => layer !== 'kernels'),
    why: 'Commands run models, not kernels, and any that is listed.',
  },
};

const layerRules = layers.map((layer, index) => {
  const { may, why } = narrower[layer] ?? {
    may: layers.slice(0, index),
    why: 'It comes earlier in the order of layers.',
  };
  const forbidden = layers.filter((other) => other !== layer && !may.includes(other));
  return {
    name: `${layer}-imports-only-${may.filter((other) => other !== layer).join('-') || 'nothing'}`.replaceAll('|', '-'),
    severity: 'error',
    comment: why,
    from: { path: `^src/(${layer})/` },
    to: { path: `^src/(${forbidden.join('|')})/` },
  };
});

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'layers-do-not-import-the-public-api',
      severity: 'error',
      comment: 'src/index.ts and src/node.ts gather the layers for users; only commands may use them as users do.',
      from: { path: '^src/(?!cli/).+/' },
      to: { path: '^src/(index|node)\\.ts$' },
    },
    {
      name: 'the-machinery-knows-no-model-by-name',
      severity: 'error',
      comment: 'src/catalogue.ts lists the models that come along: whoever reads files is handed it, or another list.',
      from: { path: `^src/(${layers.slice(0, -above.length + 1).join('|')})/` },
      to: { path: '^src/catalogue\\.ts$' },
    },
    {
      name: 'public-api-does-not-reach-commands',
      severity: 'error',
      comment: 'Importing the package must not bring the command line with it.',
      from: { path: '^src/(index|node)\\.ts$' },
      to: { path: '^src/cli/', reachable: true },
    },
    {
      name: 'index-runs-in-browsers',
      severity: 'error',
      comment: 'What needs Node belongs behind src/node.ts.',
      from: { path: '^src/index\\.ts$' },
      to: {
        path: ofNode,
        reachable: true,
      },
    },
    {
      name: 'recognition-runs-in-browsers',
      severity: 'error',
      comment: 'What Node reads from paths and videos comes to it as bytes and frames.',
      from: { path: '^src/recognition/' },
      to: {
        path: ofNode,
        reachable: true,
      },
    },
    {
      name: 'a-session-with-a-gpu-runs-in-browsers',
      severity: 'error',
      comment:
        'What bench/gpu/ measures a page can measure, too; files, processes and the console are in bench/gpu/node/.',
      from: { path: '^bench/gpu/[^/]+\\.ts$' },
      to: {
        path: ofNode,
        reachable: true,
      },
    },
    {
      name: 'pages-run-in-browsers',
      severity: 'error',
      comment: 'What the pages and their workers load, other engines included; how they are built is another matter.',
      from: { path: '^(web/(?!build/|vite\\.config\\.ts$)|bench/peers/web/(?!build\\.ts$))' },
      to: {
        path: ofNode,
        reachable: true,
      },
    },
    {
      name: 'sources-do-not-import-tests-bench-examples-or-web',
      severity: 'error',
      comment: 'What ships must not need what does not.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|web)/' },
    },
    {
      name: 'examples-import-the-package',
      severity: 'error',
      comment: 'An example sees what users see: the package, by its name.',
      from: { path: '^examples/' },
      to: { path: '^(src/(?!(index|node|shipped)\\.ts$)|test/|bench/|web/)' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Of two modules that need each other, neither can be read first.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved-imports',
      severity: 'error',
      comment: 'An import that is not found hides what it would break.',
      from: {},
      // Vite's addresses of workers and of other files are no modules.
      to: { couldNotResolve: true, pathNot: '\\?(worker|url)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Type-only imports are dependencies too: they decide who must know whom.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    builtInModules: { add: [] },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
