const path = require('path')
module.exports = () => ({ ext: path.extname('a.whale'), helper: require('./helper').name })
