/** @file Facts about the machine that no library tells. */

import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Versions of this package and of those that it stands on; `?` where one is not installed. */
export function packageVersions(): Record<'own' | 'webgpu' | 'node-av', string> {
  const read = (url: string): string => {
    try {
      return JSON.parse(readFileSync(new URL(url, import.meta.url), 'utf8')).version;
    } catch {
      return '?';
    }
  };
  // Installed, the dependencies lie beside this package or under it.
  const dependency = (name: string): string => {
    const found = [`../../node_modules/${name}/package.json`, `../../../${name}/package.json`].map(read);
    return found.find((version) => version !== '?') ?? '?';
  };
  return { own: read('../../package.json'), webgpu: dependency('webgpu'), 'node-av': dependency('node-av') };
}

/** A Chromium-based browser on this machine. */
export function findBrowser(): string | undefined {
  const mac = ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
    (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
  );
  const windows = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'].flatMap(
    (name) =>
      [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA].flatMap((folder) =>
        folder ? [join(folder, name)] : [],
      ),
  );
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/snap/bin'];
  const unix = folders.flatMap((folder) =>
    ['chromium', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'].map((name) => join(folder, name)),
  );
  const usual = process.platform === 'darwin' ? mac : process.platform === 'win32' ? windows : unix;
  return [process.env.CHROME_PATH, ...usual].find((path) => path !== undefined && path !== '' && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What to do where Dawn finds no adapter. */
export function adapterAdvice(): string {
  if (process.platform === 'darwin') return 'Dawn needs Metal: update macOS.';
  if (process.platform === 'win32') return 'Dawn needs Direct3D 12: update Windows and the graphics driver.';
  const chosen = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (chosen) return `VK_DRIVER_FILES limits Vulkan to ${chosen}: unset it, or name a driver that exists.`;
  return (
    'Install a Vulkan driver; without a GPU, Mesa’s lavapipe: "apt-get install mesa-vulkan-drivers libvulkan1" as root ' +
    '(on Debian 12 with "-t bookworm-backports"), "dnf install mesa-vulkan-drivers" or "pacman -S vulkan-swrast".'
  );
}
