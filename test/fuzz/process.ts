/** @file The program of the fuzzer's processes. */

import { serve } from './child.ts';

serve();
