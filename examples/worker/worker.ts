/** @file All of the computing: the page asks for it by messages, and stays responsive. */

import { serveRecogniser } from 'i3d-webgpu';

serveRecogniser();
