/** @file Whether WebGPU can be used here and, where it cannot, the one sentence that says what to do about it. */

type Platform = 'windows' | 'mac' | 'ios' | 'android' | 'linux';
type Browser = 'chrome' | 'edge' | 'firefox' | 'safari' | 'other';

interface Visitor {
  readonly browser: Browser;
  readonly platform: Platform;
}

/** By the text that browsers send; each of them also says that it is the ones before it. */
export function visitorOf(userAgent: string): Visitor {
  const says = (pattern: RegExp): boolean => pattern.test(userAgent);
  const platform: Platform = says(/iPhone|iPad/)
    ? 'ios'
    : says(/Android/)
      ? 'android'
      : says(/Windows/)
        ? 'windows'
        : says(/Mac OS X/)
          ? 'mac'
          : 'linux';
  const browser: Browser = says(/Firefox\/|FxiOS/)
    ? 'firefox'
    : says(/Edg/)
      ? 'edge'
      : says(/Chrom|CriOS/)
        ? 'chrome'
        : says(/Safari\//)
          ? 'safari'
          : 'other';
  return { browser, platform };
}

const BROWSERS = 'Chrome or Edge 113, Safari 26 or Firefox 141';

/** What to do where there is no `navigator.gpu`. */
export function withoutWebGpu({ browser, platform }: Visitor): string {
  // On iOS every browser is Safari underneath.
  if (platform === 'ios') return 'WebGPU comes with iOS 26: update the system, then open this page again.';
  switch (browser) {
    case 'chrome':
    case 'edge': {
      const name = browser === 'edge' ? 'Edge' : 'Chrome';
      if (platform === 'linux') {
        return `WebGPU is switched off in this browser: open ${browser}://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart it.`;
      }
      if (platform === 'android') return `WebGPU comes with ${name} 121 on Android 12: update both.`;
      return `WebGPU comes with ${name} 113: update the browser, and turn on “Use graphics acceleration when available” in its settings.`;
    }
    case 'firefox':
      return platform === 'windows' || platform === 'mac'
        ? 'WebGPU comes with Firefox 141 on Windows and 145 on Macs: update it, or set dom.webgpu.enabled to true in about:config and restart.'
        : 'Firefox has WebGPU on this system only on request: set dom.webgpu.enabled to true in about:config and restart, or use Chrome 113.';
    case 'safari':
      return 'WebGPU comes with Safari 26: update it, or in Safari 18 turn on Develop › Feature Flags › WebGPU.';
    default:
      return `This browser has no WebGPU: use ${BROWSERS}, or a later one.`;
  }
}

/** What to do where there is WebGPU, but nothing that it can run on. */
export function withoutAdapter({ browser, platform }: Visitor): string {
  if (platform === 'linux' && (browser === 'chrome' || browser === 'edge')) {
    return `WebGPU found no GPU here: install a Vulkan driver, enable “Vulkan” and “Unsafe WebGPU Support” in ${browser}://flags, and restart the browser.`;
  }
  return 'WebGPU found no GPU here: turn on graphics acceleration in the browser’s settings, update the graphics driver, and restart the browser.';
}

/** One sentence where WebGPU cannot be used; undefined where it can. */
export async function webGpuProblem(): Promise<string | undefined> {
  const visitor = visitorOf(navigator.userAgent);
  if (!isSecureContext) {
    return `WebGPU works on secure pages only: open this page over https://, or from localhost instead of ${location.host}.`;
  }
  if (!navigator.gpu) return withoutWebGpu(visitor);
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter ? undefined : withoutAdapter(visitor);
}
