/** @file Finds the Chromium that the browser test drives; on Debian as root, installs it. */

import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { distribution, installPackages, rootPrefix } from './linux.mjs';
import { cacheDirectory } from './paths.mjs';
import { notice, SetupError } from './report.mjs';

const tried = join(cacheDirectory, 'browser-not-installable');

/** The path of a Chromium-based browser, or undefined, after saying that the browser test will be skipped. */
export function ensureBrowser() {
  const found = findBrowser() ?? installBrowser();
  if (!found)
    notice(
      'The browser test will be skipped: install Chromium, or set CHROME_PATH to a Chromium-based browser, to run it.',
    );
  return found;
}

export function findBrowser() {
  return [process.env.CHROME_PATH, ...usualPlaces()].find((path) => path && isExecutable(path));
}

function usualPlaces() {
  if (process.platform === 'darwin') {
    const names = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
    return ['/Applications', join(homedir(), 'Applications')].flatMap((folder) =>
      names.map((name) => join(folder, `${name}.app`, 'Contents/MacOS', name)),
    );
  }
  if (process.platform === 'win32') {
    const folders = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA].filter(
      Boolean,
    );
    const names = [
      'Google\\Chrome\\Application\\chrome.exe',
      'Chromium\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
    ];
    return folders.flatMap((folder) => names.map((name) => join(folder, name)));
  }
  const names = ['chromium', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
  // Ubuntu's chromium-browser is a stand-in that only asks for the snap.
  if (distribution().id !== 'ubuntu') names.push('chromium-browser');
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/snap/bin'];
  return folders.flatMap((folder) => names.map((name) => join(folder, name)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function installBrowser() {
  // One attempt for each installation of node_modules: the browser test is worth no more.
  if (process.platform !== 'linux' || distribution().family !== 'debian' || existsSync(tried)) return undefined;
  const prefix = rootPrefix();
  if (!prefix) return undefined;
  notice('No Chromium found: installing the package chromium for the browser test …');
  try {
    installPackages({ family: 'debian', packages: ['chromium'] }, prefix);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    notice(error.message);
  }
  const found = findBrowser();
  if (!found) {
    mkdirSync(cacheDirectory, { recursive: true });
    writeFileSync(tried, '');
  }
  return found;
}
