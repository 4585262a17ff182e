# test of an encoding
# vim: set fileencoding=iso_8859_1 :
x = "éü" + b"\xe9".decode()  # é
