import { format } from 'date-fns'
import { ja } from 'date-fns/locale'
export default () => format(new Date(0), 'PPPP', { locale: ja }) + new Date(0).toLocaleString('de', { timeZone: 'Asia/Tokyo' })
