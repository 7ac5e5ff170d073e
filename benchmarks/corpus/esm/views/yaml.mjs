import yaml from 'js-yaml'
export default () => yaml.dump({ orca: 8 })
