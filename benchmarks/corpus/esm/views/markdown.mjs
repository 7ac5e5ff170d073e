import { marked } from 'marked'
export default () => marked.parse('# Whales\n\n* orca\n', { mangle: false, headerIds: false })
