/** @file NaN on the adapter that is there; test/ops has the candidates of convolutions. */

import { testGpu } from '../harness.ts';
import { testOperators } from './nan_table.ts';

testOperators(testGpu());
