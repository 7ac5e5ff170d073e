import { stringify } from 'csv-stringify/sync'
import iconv from 'iconv-lite'
export default () => stringify([['orca', 8]]) + iconv.encode('鯨', 'shift_jis').toString('hex')
