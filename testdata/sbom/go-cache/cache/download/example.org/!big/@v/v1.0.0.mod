module example.org/Big

require example.org/small v0.1.0
