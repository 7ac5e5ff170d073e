export default () => 'orca\nbeluga\n'
