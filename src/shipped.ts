/**
 * @file Where the models that come along are, `i3d-webgpu/models`: URLs that bundlers follow, so that the files come with a page, and
 * that are files in Node. A module of its own, because a bundler takes every file along that is named so.
 */

/** `models/rgb.safetensors` of the package: 18 actions from frames. */
export const RGB_MODEL: URL = new URL('../models/rgb.safetensors', import.meta.url);

/** `models/flow.safetensors` of the package: the same actions from optical flow. */
export const FLOW_MODEL: URL = new URL('../models/flow.safetensors', import.meta.url);
