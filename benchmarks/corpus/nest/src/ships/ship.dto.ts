import { IsEmail, IsISO8601, IsPhoneNumber, IsString, MinLength } from 'class-validator';
export class ShipDto {
  @IsString() @MinLength(2) name: string;
  @IsEmail() mail: string;
  @IsISO8601() built: string;
  @IsPhoneNumber('AT') phone: string;
}
