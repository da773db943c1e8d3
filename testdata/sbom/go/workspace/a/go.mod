module example.org/a

go 1.26.0

require (
	example.org/b v0.0.0
	example.org/x v1.2.0
)
