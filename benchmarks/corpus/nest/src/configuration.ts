import { readFileSync } from 'fs';
import { join } from 'path';
import * as yaml from 'js-yaml';

export const configuration = () =>
  yaml.load(readFileSync(join(__dirname, '..', 'config', `${process.env.STAGE ?? 'live'}.yaml`), 'utf8')) as Record<string, unknown>;
