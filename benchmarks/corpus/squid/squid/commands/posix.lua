return function(a) print(require("posix.unistd").getpid() > 0, require("posix").basename("/a/b")) end
