const A=()=><div a="b">x</div>;
