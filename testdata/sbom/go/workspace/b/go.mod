module example.org/b

go 1.26.0

require example.org/x v1.10.0
