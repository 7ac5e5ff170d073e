exports.name = 'krill'
