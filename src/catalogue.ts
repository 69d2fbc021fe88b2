/** @file The models that come with the package: one line each. */

import { C3D } from './c3d/c3d.ts';
import { I3D } from './i3d/i3d.ts';
import { INCEPTION_4 } from './i3d/inception4.ts';
import type { ModelSpec } from './models/definition.ts';
import { ModelRegistry } from './models/registry.ts';
import { I3D_NLN_R50, I3D_R50, TSM_R50, TSM_R50_ONLINE } from './resnet/resnet50.ts';
import { MC3_18, R2PLUS1D_18, R3D_18 } from './resnet/video_resnet.ts';
import { S3D, S3D_TORCHVISION } from './s3d/s3d.ts';
import { S3DG } from './s3d/s3dg.ts';
import { X3D_L, X3D_M, X3D_S, X3D_XS } from './x3d/x3d.ts';

export const MODELS = new ModelRegistry([
  I3D, //
  INCEPTION_4,
  C3D,
  S3D,
  S3D_TORCHVISION,
  S3DG,
  R3D_18,
  MC3_18,
  R2PLUS1D_18,
  I3D_R50,
  I3D_NLN_R50,
  TSM_R50,
  TSM_R50_ONLINE,
  X3D_M,
  X3D_S,
  X3D_XS,
  X3D_L,
]);

/** What training begins with where nothing is asked for: enough for tens of classes, and trained on a processor in minutes. */
export const SMALL_MODEL = { architecture: INCEPTION_4, width: 0.25 } as const satisfies Partial<ModelSpec>;
