/** @file What pages say where there is no WebGPU, by what browsers call themselves. */

import { describe, expect, it } from 'vitest';
import { visitorOf, withoutAdapter, withoutWebGpu } from '../../web/shared/support.ts';

const AGENTS = {
  'chrome windows':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36',
  'chrome linux':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'chrome android':
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36',
  'edge windows':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36 Edg/112.0.1722.48',
  'firefox linux': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'firefox mac': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0',
  'safari mac':
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
  'safari ios':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
} as const;

describe('what pages say without WebGPU', () => {
  it('knows browsers and systems by their names', () => {
    for (const [name, agent] of Object.entries(AGENTS)) {
      const { browser, platform } = visitorOf(agent);
      expect(`${browser} ${platform}`).toBe(name);
    }
  });

  it('is one sentence that says what to do', () => {
    const said = Object.values(AGENTS).flatMap((agent) => [
      withoutWebGpu(visitorOf(agent)),
      withoutAdapter(visitorOf(agent)),
    ]);
    for (const text of said) expect(text).toMatch(/^[A-Z][^\n]+: [^\n]+\.$|^[A-Z][^\n]+\.$/);
    expect(withoutWebGpu(visitorOf(AGENTS['chrome linux']))).toContain('chrome://flags');
    expect(withoutWebGpu(visitorOf(AGENTS['firefox linux']))).toContain('about:config');
    expect(withoutWebGpu(visitorOf(AGENTS['safari ios']))).toContain('iOS 26');
    expect(withoutWebGpu(visitorOf('Lynx'))).toContain('Chrome');
  });
});
