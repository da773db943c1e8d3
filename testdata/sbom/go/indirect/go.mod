module example.org/app

go 1.26.0

toolchain go1.26.8

require example.org/Big v1.0.0

require (
	example.org/small v0.2.0 // indirect
	example.org/other v0.3.0+incompatible // indirect
)
